import { useState, useEffect } from 'react'

function useImageUploadStatus(uploadId) {
  const [status, setStatus] = useState('processing')
  const [availableImage, setAvailableImage] = useState(null)
  const [error, setError] = useState(null)

  useEffect(() => {
    if (!uploadId) return

    const pollStatus = async () => {
      try {
        const response = await fetch(`/api/image-upload/${uploadId}/status`, {
          headers: {
            Authorization: `Bearer ${token}`,
          },
        })

        if (!response.ok) {
          throw new Error('Failed to check status')
        }

        const data = await response.json()
        setStatus(data.status)
        setAvailableImage(data.available_image)

        if (data.status === 'processing') {
          // Continue polling
          setTimeout(pollStatus, 1000)
        }
      } catch (err) {
        setError(err.message)
      }
    }

    pollStatus()
  }, [uploadId])

  return { status, availableImage, error }
}

// Usage
function ImageUploadComponent() {
  const [uploadId, setUploadId] = useState(null)
  const { status, availableImage, error } = useImageUploadStatus(uploadId)

  const handleUpload = async file => {
    const formData = new FormData()
    formData.append('file', file)

    const response = await fetch('/api/image-upload', {
      method: 'POST',
      body: formData,
      headers: {
        Authorization: `Bearer ${token}`,
      },
    })

    const data = await response.json()
    setUploadId(data.data.id)
  }

  return (
    <div>
      <input type="file" onChange={e => handleUpload(e.target.files[0])} />

      {status === 'processing' && <p>Processing image...</p>}
      {status === 'processed' && availableImage && (
        <div>
          <p>Image processed successfully!</p>
          <img src={`/api/available-image/${availableImage.id}/view`} alt="Processed" />
        </div>
      )}
      {error && <p>Error: {error}</p>}
    </div>
  )
}
