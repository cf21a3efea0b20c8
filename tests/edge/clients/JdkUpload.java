// Uploads with the JDK's HttpClient as it comes: over http:// it offers an upgrade to HTTP/2.
// java JdkUpload.java TOKEN PHOTO URL…
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class JdkUpload {
    static final Pattern ID = Pattern.compile("\"id\":\\s*\"([^\"]*)\"");
    static final Pattern STATUS = Pattern.compile("\"status\":\\s*\"([^\"]*)\"");
    static final HttpClient CLIENT = HttpClient.newHttpClient();
    static String token;

    public static void main(String[] arguments) throws Exception {
        token = arguments[0];
        byte[] photo = Files.readAllBytes(Path.of(arguments[1]));
        byte[] form = form(photo);
        for (String url : List.of(arguments).subList(2, arguments.length)) {
            // A body whose size is known, and one that is sent in chunks.
            upload(url, BodyPublishers.ofByteArray(form));
            upload(url, BodyPublishers.fromPublisher(BodyPublishers.ofByteArray(form)));
        }
    }

    static void upload(String url, BodyPublisher body) throws Exception {
        HttpResponse<String> posted = CLIENT.send(
            to(url + "/api/image-upload")
                .header("Content-Type", "multipart/form-data; boundary=b")
                .POST(body)
                .build(),
            BodyHandlers.ofString());
        String id = found(ID, posted.body());
        String status = "processing";
        while (status.equals("processing")) {
            Thread.sleep(20);
            HttpRequest poll = to(url + "/api/image-upload/" + id + "/status").build();
            status = found(STATUS, CLIENT.send(poll, BodyHandlers.ofString()).body());
        }
        HttpResponse<byte[]> image = CLIENT.send(
            to(url + "/api/available-image/" + id + "/download").build(), BodyHandlers.ofByteArray());
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(image.body());
        System.out.printf(
            "%d %s %d %s%n",
            posted.statusCode(), status, image.statusCode(), HexFormat.of().formatHex(digest));
    }

    static HttpRequest.Builder to(String url) {
        return HttpRequest.newBuilder(URI.create(url)).header("Authorization", "Bearer " + token);
    }

    static byte[] form(byte[] photo) throws IOException {
        var form = new ByteArrayOutputStream();
        form.write(("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n"
            + "Content-Type: image/jpeg\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
        form.write(photo);
        form.write("\r\n--b--\r\n".getBytes(StandardCharsets.US_ASCII));
        return form.toByteArray();
    }

    static String found(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        return matcher.find() ? matcher.group(1) : "none in " + text;
    }
}
