async function uploadAndPollStatus(file) {
  // Upload the image
  const formData = new FormData()
  formData.append('file', file)

  const uploadResponse = await fetch('/api/image-upload', {
    method: 'POST',
    body: formData,
    headers: {
      Authorization: `Bearer ${token}`,
    },
  })

  const uploadData = await uploadResponse.json()
  const uploadId = uploadData.data.id

  // Poll for status
  let status = 'processing'
  let availableImage = null

  while (status === 'processing') {
    const statusResponse = await fetch(`/api/image-upload/${uploadId}/status`, {
      headers: {
        Authorization: `Bearer ${token}`,
      },
    })

    const statusData = await statusResponse.json()
    status = statusData.status
    availableImage = statusData.available_image

    if (status === 'processing') {
      // Wait 1 second before polling again
      await new Promise(resolve => setTimeout(resolve, 1000))
    }
  }

  if (status === 'processed') {
    console.log('Image processed successfully:', availableImage)

    // You can now use the available image
    const imageUrl = `/api/available-image/${availableImage.id}/view`
    const downloadUrl = `/api/available-image/${availableImage.id}/download`

    return { availableImage, imageUrl, downloadUrl }
  } else {
    throw new Error(`Image processing failed: ${status}`)
  }
}
